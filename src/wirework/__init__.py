"""Write a deep-learning architecture once, with named axes; then run it, check it, draw it, cost it."""
