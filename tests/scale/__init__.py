"""Several server processes on one PostgreSQL: nothing is lost, nobody wins twice, and all agree within a second."""
