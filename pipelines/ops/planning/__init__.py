"""What a run will take on this machine: how much work there is, how fast a unit of it goes here."""
