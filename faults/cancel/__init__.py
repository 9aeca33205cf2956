"""Operations that are cancelled at each point at which they can be."""
