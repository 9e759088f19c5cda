"""The only database code. Questions are generators; engines drive them."""
