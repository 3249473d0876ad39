"""What `wirework.nn.convert` needs of each framework: the functions of `wirework.nn.convert.Converter`."""
