"""Model servers: the vLLM command line, the process, its failures, and clients for the roles."""
