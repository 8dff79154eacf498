"""The benchmarks themselves: do they see what they must, and say so?"""
