/** References between stored objects: the SDK's types admit the object in place of its id; kept are ids only. */

/** @returns the id, empty when there is no reference. */
export function idOf(reference: string | { readonly id: string } | null | undefined): string {
  if (typeof reference === "string") return reference;
  return reference?.id ?? "";
}
