"""The wire: the only rooms that know httpx and vcrpy."""
