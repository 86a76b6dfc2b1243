// Direct back-projection of filtered parallel-beam views, several slices a thread.
//
//   volume[k, y, x] = sum over views of ((1 - f) views[p, i, k] + f views[p, i + 1, k]),
//   s = (x - middle) cos + (y - middle) sin + centre,  i = floor(s),  f = s - i
//
// Places s are fixed-point numbers with 31 bits behind the point: exact to 1e-5 of a column at any width, where single
// precision errs by 1e-4 at 2048 columns. Cosines have 30 bits, since they multiply 2 (x - middle), a whole number.
//
// Layouts, C order:
//   views   (n_groups, n_views, n_cols + 2, SLICES)  filtered and weighted, in cm^-1; one guard column on either side
//   rays    (n_views, 2) int32                       cosine and sine of each view, times 2^30
//   spans   (n_cols, 2)                              first column of each image row that is written, and one past the last
//   volume  (n_slices, n_cols, n_cols)               in cm^-1; written, never read; the last group may have slices to spare
// Launch: one thread for each (x, y, group).
// Boundary: pixels outside their row's span become 0; inside it every view's s lies between the guard columns. `centre`
// is the column of the axis behind the first guard, `centre_rest` what it has behind the point, times 2^31.
// Indices into arrays are 64 bit. SLICES is a multiple of 4, since four slices are one 16-byte load.

static_assert(SLICES % 4 == 0, "four slices are loaded at a time");

extern "C" __global__ void back_project(const float4 *__restrict__ views, const int2 *__restrict__ rays,
                                        const int2 *__restrict__ spans, float *__restrict__ volume, int n_views,
                                        int n_cols, int n_slices, int centre, int centre_rest)
{
    const int x = blockIdx.x * blockDim.x + threadIdx.x;
    const int y = blockIdx.y * blockDim.y + threadIdx.y;
    const int group = blockIdx.z;
    if (x >= n_cols || y >= n_cols)
        return;
    const int fours = SLICES / 4;
    float4 sum[SLICES / 4];
    for (int q = 0; q < fours; ++q)
        sum[q] = make_float4(0.0f, 0.0f, 0.0f, 0.0f);
    const int2 span = spans[y];
    if (x >= span.x && x < span.y) {
        const int twice_x = 2 * x - (n_cols - 1), twice_y = 2 * y - (n_cols - 1);
        const long long start = ((long long)centre << 31) + centre_rest;
        const long long step = (long long)(n_cols + 2) * fours;
        const float4 *view = views + (long long)group * n_views * step;
#pragma unroll 4
        for (int p = 0; p < n_views; ++p, view += step) {
            const int2 ray = rays[p];
            const long long s = (long long)twice_x * ray.x + (long long)twice_y * ray.y + start;
            const int i = (int)(s >> 31);
            const float far = (int)(s & 0x7fffffff) * 0x1p-31f, near = 1.0f - far;
            const float4 *column = view + (long long)i * fours;
#pragma unroll
            for (int q = 0; q < fours; ++q) {
                const float4 a = column[q], b = column[q + fours];
                sum[q].x += near * a.x + far * b.x;
                sum[q].y += near * a.y + far * b.y;
                sum[q].z += near * a.z + far * b.z;
                sum[q].w += near * a.w + far * b.w;
            }
        }
    }
    const long long slice = (long long)n_cols * n_cols;
    float *out = volume + (long long)group * SLICES * slice + (long long)y * n_cols + x;
    const int left = n_slices - group * SLICES;
#pragma unroll
    for (int q = 0; q < fours; ++q, out += 4 * slice) {
        if (4 * q < left)
            out[0] = sum[q].x;
        if (4 * q + 1 < left)
            out[slice] = sum[q].y;
        if (4 * q + 2 < left)
            out[2 * slice] = sum[q].z;
        if (4 * q + 3 < left)
            out[3 * slice] = sum[q].w;
    }
}
