"""Building and running: simulators, golden models, traces, reports, the command line. Nothing imports it but the tests."""
