"""Texts as vectors: the client for `/v1/embeddings`, its cache, and how long texts are taken apart.

Optional: without `roles.embedder` nothing here runs, and reports say that it was not measured.
"""
