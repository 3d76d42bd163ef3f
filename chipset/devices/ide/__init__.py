"""The bus-mastering IDE controller and the drive behind it."""
