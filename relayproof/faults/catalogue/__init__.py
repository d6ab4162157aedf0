"""The faults, one module per family: rows of name, sentence, breaks, and the rules that are to find them."""
