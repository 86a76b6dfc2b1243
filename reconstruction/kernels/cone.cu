// Back-projection of filtered cone-beam views into a window of a volume, several slices a thread.
//
//   volume[z, y, x] += sum over views of t^2 view(row, column),
//   t = 1 / (1 + shrink (Y cos - X sin)),  column = centre + scale t (X cos + Y sin),  row = row0 + scale t Z
//
// (X, Y, Z) is the voxel's place from the axis and the central ray, in voxels; shrink is a voxel over the distance from
// source to axis, scale a voxel at the axis in pixels. The view is read bilinearly. Weights of short scans and of
// shifted detectors are in the views already.
//
// Layouts, C order:
//   filtered  (n_views, n_rows, n_cols)  in rad cm^-1; a window of rows and columns of the detector
//   turns     (n_views, 2)               cosine and sine of each view
//   volume    (n_z, n_y, n_x)            in cm^-1; added to
// Launch: one thread for each (x, y, SLICES slices).
// Boundary: voxels farther than `radius` from the axis, and columns outside the window, add nothing; beyond the first
// and last row of the window the outermost row goes on.
// Indices into arrays are 64 bit.

extern "C" __global__ void back_project_cone(const float *__restrict__ filtered, const float2 *__restrict__ turns,
                                             float *__restrict__ volume, int n_views, int n_rows, int n_cols, int n_z,
                                             int n_y, int n_x, float first_z, float first_y, float first_x,
                                             float shrink, float scale, float centre, float row0, float radius)
{
    const int ix = blockIdx.x * blockDim.x + threadIdx.x;
    const int iy = blockIdx.y * blockDim.y + threadIdx.y;
    const int iz = blockIdx.z * SLICES;
    if (ix >= n_x || iy >= n_y)
        return;
    const float x = first_x + ix, y = first_y + iy, z = first_z + iz;
    if (x * x + y * y > radius * radius)
        return;
    float sum[SLICES];
    for (int k = 0; k < SLICES; ++k)
        sum[k] = 0.0f;
    const float *view = filtered;
    const long long size = (long long)n_rows * n_cols;
    const float last_row = n_rows - 1;
    const int last_pair = n_rows > 1 ? n_rows - 2 : 0;
    const long long below = n_rows > 1 ? n_cols : 0;
    for (int p = 0; p < n_views; ++p, view += size) {
        const float2 turn = turns[p];
        const float t = 1.0f / (1.0f + shrink * (y * turn.x - x * turn.y));
        const float pixels = scale * t;
        const float column = centre + pixels * (x * turn.x + y * turn.y);
        if (!(column >= 0.0f && column < n_cols - 1))
            continue;
        const int j = (int)column;
        const float far = (column - j) * t * t, near = t * t - far;
        const float *at = view + j;
#pragma unroll
        for (int k = 0; k < SLICES; ++k) {
            const float row = fminf(fmaxf(row0 + pixels * (z + k), 0.0f), last_row);
            const int i = min((int)row, last_pair);
            const float lower = row - i, upper = 1.0f - lower;
            const float *corner = at + (long long)i * n_cols;
            sum[k] += upper * (near * corner[0] + far * corner[1]);
            sum[k] += lower * (near * corner[below] + far * corner[below + 1]);
        }
    }
    const long long slice = (long long)n_y * n_x;
    float *out = volume + iz * slice + (long long)iy * n_x + ix;
    for (int k = 0; k < SLICES && iz + k < n_z; ++k)
        out[k * slice] += sum[k];
}
