"""Images per second in training: ensearch's workers against a plain PyTorch loop.

What was tried for ensearch on a CPU (one core of a 2-core EPYC with AVX-512 BF16, torch 2.15,
least processor time of a step; batches of 64 digits or of 128 CIFAR-10 pictures) and left out:

    float32 in the default memory format           1.2 to 1.8 times slower than channels_last
    bfloat16 in the default memory format          1.05 to 3.2 times slower than channels_last
    convolutions without oneDNN                    2.7 to 8.5 times slower (16 and 64 channels)
    malloc keeping all memory (mallopt)            bfloat16 0 to 2 %, float32 0 to 10 %
    huge pages (glibc.malloc.hugetlb=1)            4 % slower
    flushing denormals, garbage collector off      0 % (it ran once in 350 steps, for 1 ms)
    pixels packed into 32-bit words                no faster than the gather of whole pixels
"""
