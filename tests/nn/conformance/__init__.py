"""The same cases for the layers of all frameworks."""
