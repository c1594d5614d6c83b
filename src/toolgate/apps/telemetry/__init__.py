"""What others' tools are told of a request: OpenTelemetry, where it is switched on."""
