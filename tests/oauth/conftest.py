"""Fuzzing without a deadline: a busy machine is not a fault of the code. What an input may cost is measured in CPU time."""

from hypothesis import HealthCheck, settings

settings.register_profile("unhurried", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("unhurried")
