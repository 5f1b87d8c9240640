"""What a Resolver looks names up with: the system on threads, or DNS over our own connections."""
