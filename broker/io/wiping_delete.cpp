#include <malloc.h>

#include <cstdlib>
#include <cstring>
#include <new>

// Memory is wiped as it is given back, all of it: a registry's credentials pass through strings, JSON and buffers, which leave copies behind
// whenever they grow, and no list of places that wipe would be complete. Of the program itself, and not of its libraries' C code, which sees
// no credentials.

void operator delete(void* memory) noexcept
{
    if (!memory) return;
    ::explicit_bzero(memory, ::malloc_usable_size(memory));
    std::free(memory);
}

void operator delete(void* memory, std::size_t size) noexcept
{
    if (!memory) return;
    ::explicit_bzero(memory, size);
    std::free(memory);
}

void operator delete(void* memory, std::align_val_t) noexcept
{
    operator delete(memory);
}

void operator delete(void* memory, std::size_t size, std::align_val_t) noexcept
{
    operator delete(memory, size);
}
