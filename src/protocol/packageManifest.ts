import { z } from 'zod';

/** Numeric formats of the weights, from the reference to the smallest. */
export const variants = ['fp32', 'int8', 'int4'] as const;
export type Variant = (typeof variants)[number];

/** The version of the package layout that this build writes and reads. */
export const packageFormatVersion = 2;

/** `anchorage_package.json`: what a package holds. `path` is relative to the package folder, with forward slashes. */
export const packageManifestSchema = z.object({
  format_version: z.int(),
  name: z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/),
  created_by: z.string(),
  variants: z.array(z.enum(variants)).min(1),
  files: z
    .array(
      z.object({
        path: z.string().regex(/^(?:[A-Za-z0-9_-][A-Za-z0-9._-]*\/)*[A-Za-z0-9_-][A-Za-z0-9._-]*$/),
        bytes: z.int().min(0),
        sha256: z.string().regex(/^[0-9a-f]{64}$/),
      }),
    )
    .min(1),
});

export type PackageManifest = z.infer<typeof packageManifestSchema>;
