"""How good a model is, in numbers and pictures. Needs no torch but for runs."""
