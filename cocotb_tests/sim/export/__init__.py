"""What ``ringfence export`` writes."""
