import type { ZodError } from 'zod';

/** The first things wrong with a parsed object, each with its field: "head_dim: Too small". */
export function describeIssues(error: ZodError): string {
  return error.issues
    .slice(0, 3)
    .map((issue) => `${issue.path.join('.') || 'the whole'}: ${issue.message}`)
    .join('; ');
}
