"""Programs made for tests: random single instructions packed into images, and the builder of the hand-written ones."""
