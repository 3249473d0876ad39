"""What other projects call the parts of each architecture, and how they write its configuration."""
