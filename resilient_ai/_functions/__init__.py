"""The surface for functions: boto3, gRPC, a local model, whatever a program calls."""
