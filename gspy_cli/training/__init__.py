"""Train the networks: the one package that needs torch."""
