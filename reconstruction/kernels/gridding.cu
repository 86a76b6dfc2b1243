// Gridding: spectra of views on their polar grid, spread over a Cartesian one with a Kaiser-Bessel kernel.
//
//   grid[v, u] = sum over samples at (a, b) of K(u - a) K(v - b) sample,   |u - a|, |v - b| <= TAPS / 2
//
// Written as a gather: a thread owns one cell and finds the samples that reach it. Views are sorted by angle, so those
// that pass within the kernel's reach are one range, found by bisection. No atomics: the sum has one order.
// The plane has period n, and its other half is the mirror image, conjugate: a sample at (a, b) also stands at
// (-a, -b), (n - a, -b) and, for either sign, n rows on. As in gridding.py, a cell at distance -TAPS / 2 counts and one
// at +TAPS / 2 does not.
//
// Layouts, C order:
//   spectra  (n_groups, n_views, n_kept, SLICES) complex  weighted samples of each view, from frequency 0 up
//   rays     (n_views, 2)                                 cosine (not negative) and sine
//   angles   (n_views,)                                   rising, in rad, -pi/2 to pi/2
//   kernel   (DEGREE + 1,)                                K as a polynomial in 2 (2 d / TAPS)^2 - 1, highest power first
//   grid     (n_groups SLICES, n, n / 2 + 1) complex      frequencies u >= 0, rows v with period n; written, never read
// Radii in cells: sample k lies at k step for k < n_fine, then at (n_fine + 1 + 2 (k - n_fine)) step.
// Launch: one thread for each (u, v, group).
// Boundary: cells that no sample reaches become 0.
// Indices into arrays are 64 bit. SLICES is even, since two slices are one 16-byte load.

static_assert(SLICES % 2 == 0, "two slices are loaded at a time");

#define HALF (0.5f * TAPS)
#define REACH (0.7072f * TAPS) // half the kernel's diagonal, a trifle more

// Number of angles below a bound.
__device__ int below(const float *__restrict__ angles, int n_views, float bound)
{
    int low = 0, high = n_views;
    while (low < high) {
        const int middle = (low + high) / 2;
        if (angles[middle] < bound)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

// Narrow first <= radius <= last to where a ray's coordinate comes within HALF of a place.
__device__ void narrow(float along, float place, float *first, float *last)
{
    if (fabsf(along) < 1e-6f) {
        if (fabsf(place) > HALF + 0.01f)
            *last = -1.0f;
        return;
    }
    const float inverse = 1.0f / along, a = (place - HALF) * inverse, b = (place + HALF) * inverse;
    *first = fmaxf(*first, fminf(a, b));
    *last = fminf(*last, fmaxf(a, b));
}

__device__ float weight(const float *k, float distance)
{
    const float share = distance * (1.0f / HALF), t = 2.0f * share * share - 1.0f;
    float sum = k[0];
#pragma unroll
    for (int i = 1; i <= DEGREE; ++i)
        sum = sum * t + k[i];
    return sum;
}

extern "C" __global__ void spread(const float4 *__restrict__ spectra, const float2 *__restrict__ rays,
                                  const float *__restrict__ angles, const float *__restrict__ kernel,
                                  float2 *__restrict__ grid, int n_views, int n_kept, int n_fine, int n, float step)
{
    const int iu = blockIdx.x * blockDim.x + threadIdx.x;
    const int iv = blockIdx.y * blockDim.y + threadIdx.y;
    const int group = blockIdx.z;
    const int n_columns = n / 2 + 1;
    if (iu >= n_columns || iv >= n)
        return;
    float k[DEGREE + 1];
    for (int i = 0; i <= DEGREE; ++i)
        k[i] = kernel[i];
    float4 sum[SLICES / 2];
    for (int q = 0; q < SLICES / 2; ++q)
        sum[q] = make_float4(0.0f, 0.0f, 0.0f, 0.0f);
    const float nyquist = 0.5f * n, per_step = 1.0f / step;

    for (int image = 0; image < 6; ++image) {
        const float sign = image % 3 == 0 ? 1.0f : -1.0f;
        const float u = sign * (iu - (image % 3 == 2 ? n : 0));
        const float v = sign * (iv - (image >= 3 ? n : 0));
        const float radius = sqrtf(u * u + v * v);
        if (u < -HALF || radius > nyquist + REACH)
            continue;
        int first = 0, stop = n_views;
        if (radius > REACH) {
            const float angle = atan2f(v, u), spread = asinf(REACH / radius) + 1e-5f;
            first = below(angles, n_views, angle - spread);
            stop = below(angles, n_views, angle + spread);
        }
        for (int p = first; p < stop; ++p) {
            const float2 ray = rays[p];
            float near = 0.0f, far = nyquist;
            narrow(ray.x, u, &near, &far);
            narrow(ray.y, v, &near, &far);
            if (near > far + 0.01f)
                continue;
            // samples from `near` to `far`, and one to spare at either end: first the fine ones, then the coarse
            const float coarse = (n_fine + 1) * step;
            int i = (int)fmaxf(near * per_step - 1.0f, 0.0f);
            if (i >= n_fine)
                i = n_fine + (int)fmaxf(0.5f * (near - coarse) * per_step - 1.0f, 0.0f);
            const float beyond = far + 2.0f * step;
            const float4 *view = spectra + ((long long)group * n_views + p) * n_kept * (SLICES / 2);
            for (; i < n_kept; ++i) {
                const float rho = i < n_fine ? step * i : coarse + 2.0f * step * (i - n_fine);
                if (rho > beyond)
                    break;
                const float across = sign * (u - ray.x * rho), down = sign * (v - ray.y * rho);
                if (across < -HALF || across >= HALF || down < -HALF || down >= HALF)
                    continue;
                const float w = weight(k, across) * weight(k, down), w_im = sign * w;
                const float4 *sample = view + (long long)i * (SLICES / 2);
#pragma unroll
                for (int q = 0; q < SLICES / 2; ++q) {
                    const float4 s = sample[q];
                    sum[q].x += w * s.x;
                    sum[q].y += w_im * s.y;
                    sum[q].z += w * s.z;
                    sum[q].w += w_im * s.w;
                }
            }
        }
    }
    const long long slice = (long long)n * n_columns;
    float2 *out = grid + (long long)group * SLICES * slice + (long long)iv * n_columns + iu;
#pragma unroll
    for (int q = 0; q < SLICES / 2; ++q, out += 2 * slice) {
        out[0] = make_float2(sum[q].x, sum[q].y);
        out[slice] = make_float2(sum[q].z, sum[q].w);
    }
}
