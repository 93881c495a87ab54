"""Train the networks: the one package that needs torch.

These need none, so that `evaluation` and the command line can use them without it:
`answers`, `config`, `curves`, `data`, `download`, `history`, `recipes`, `splits`.
"""
