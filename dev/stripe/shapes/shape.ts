/** The compact form in which the SDK's types are kept: enough to check a request's parameters and an answer's fields. */

export type Shape =
  | { readonly kind: "string" }
  | { readonly kind: "number" }
  | { readonly kind: "boolean" }
  | { readonly kind: "null" }
  | { readonly kind: "any" }
  /** A decimal travels as text. */
  | { readonly kind: "decimal" }
  | { readonly kind: "literal"; readonly value: string | number | boolean }
  | { readonly kind: "array"; readonly of: Shape }
  | { readonly kind: "map"; readonly of: Shape }
  | { readonly kind: "union"; readonly of: readonly Shape[] }
  /** One of `Shapes.objects`. */
  | { readonly kind: "ref"; readonly to: string }
  /** A resource this stand-in does not know; only its id can appear. */
  | { readonly kind: "foreign"; readonly resource: string };

export type Field = { readonly shape: Shape; readonly optional: boolean };

export type ObjectShape = {
  /** The value of its `object` field, when it is an API resource. */
  readonly resource?: string;
  readonly fields: Readonly<Record<string, Field>>;
};

export type Shapes = {
  readonly objects: Readonly<Record<string, ObjectShape>>;
  /** By resource class and method, `ProductResource.create`: what the method's `params` may hold. */
  readonly params: Readonly<Record<string, Shape>>;
  /** By the value of `object`: what an answer holds. */
  readonly answers: Readonly<Record<string, Shape>>;
  /** By event type: what the event holds. */
  readonly events: Readonly<Record<string, Shape>>;
};
