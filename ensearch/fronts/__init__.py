"""What measured points mean, in numpy: fronts, the crossover between them and their noise."""
