"""For every rule an exchange that passes and one that fails, one module per rule module; `CASES` in each."""
