"""Loads the plugin, for a checkout that is not installed; an installed one loads it by its entry point."""
