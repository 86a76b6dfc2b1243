// Enough of CUDA to run a kernel on the CPU: every block and thread in turn, no shared memory, no synchronisation.

#include <cmath>
#include <cstddef>
#include <utility>

#define __global__
#define __device__

using std::max;
using std::min;

struct uint3 {
    unsigned x, y, z;
};
struct int2 {
    int x, y;
};
struct alignas(8) float2 {
    float x, y;
};
struct alignas(16) float4 {
    float x, y, z, w;
};
inline float2 make_float2(float x, float y) { return {x, y}; }
inline float4 make_float4(float x, float y, float z, float w) { return {x, y, z, w}; }

static thread_local uint3 blockIdx, threadIdx, blockDim, gridDim; // blocks of several lanes run at a time

template <typename... Parameters, std::size_t... I>
int walk(void (*kernel)(Parameters...), void **arguments, const std::size_t *sizes, std::index_sequence<I...>)
{
    const bool fits[] = {(sizes[I] == sizeof(Parameters))..., true};
    for (std::size_t i = 0; i < sizeof...(I); ++i)
        if (!fits[i])
            return (int)i + 1;
    for (blockIdx.z = 0; blockIdx.z < gridDim.z; ++blockIdx.z)
        for (blockIdx.y = 0; blockIdx.y < gridDim.y; ++blockIdx.y)
            for (blockIdx.x = 0; blockIdx.x < gridDim.x; ++blockIdx.x)
                for (threadIdx.z = 0; threadIdx.z < blockDim.z; ++threadIdx.z)
                    for (threadIdx.y = 0; threadIdx.y < blockDim.y; ++threadIdx.y)
                        for (threadIdx.x = 0; threadIdx.x < blockDim.x; ++threadIdx.x)
                            kernel(*(Parameters *)arguments[I]...);
    return 0;
}

// 0 if all went well, -1 for a wrong number of arguments, otherwise the place of the argument of a wrong size, from 1.
template <typename... Parameters>
int walk(void (*kernel)(Parameters...), const unsigned *grid, const unsigned *block, void **arguments,
         const std::size_t *sizes, int count)
{
    if (count != (int)sizeof...(Parameters))
        return -1;
    gridDim = {grid[0], grid[1], grid[2]};
    blockDim = {block[0], block[1], block[2]};
    return walk(kernel, arguments, sizes, std::index_sequence_for<Parameters...>{});
}
