"""Programs that start the late launch: as it is meant, and as an attacker would."""
