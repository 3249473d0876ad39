"""Training a model on data: in steps that can stop and go on with the same result, by one process or several."""
