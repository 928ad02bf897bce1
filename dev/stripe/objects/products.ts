/** Products. */
import type { Stripe } from "stripe";
import { invalid, noSuch, noSuchIn } from "../protocol/errors.ts";
import { createdWithin, page } from "../protocol/list.ts";
import { mergeMetadata, type MetadataParam } from "../protocol/metadata.ts";
import { route } from "../protocol/route.ts";
import { copy, type Cause, type World } from "../world.ts";

type NewProduct = {
  id?: string;
  name: string;
  active?: boolean;
  description?: string;
  images?: string[];
  metadata?: MetadataParam;
  shippable?: boolean;
  statement_descriptor?: string;
  tax_code?: string;
  unit_label?: string;
  url?: string;
};

/** @throws Refusal when the given id is taken. */
export function buildProduct(world: World, params: NewProduct): Stripe.Product {
  if (params.id !== undefined && (world.products.get(params.id) ?? world.deleted.get(params.id))) {
    throw invalid("Product already exists.", { param: "id", code: "resource_already_exists" });
  }
  return {
    id: params.id ?? world.id("prod_", 14),
    object: "product",
    active: params.active ?? true,
    created: world.seconds(),
    default_price: null,
    description: params.description ?? null,
    images: params.images ?? [],
    livemode: false,
    marketing_features: [],
    metadata: mergeMetadata(null, params.metadata),
    name: params.name,
    package_dimensions: null,
    shippable: params.shippable ?? null,
    statement_descriptor: params.statement_descriptor ?? null,
    tax_code: params.tax_code ?? null,
    tax_details: null,
    type: "service",
    unit_label: params.unit_label ?? null,
    updated: world.seconds(),
    url: params.url ?? null,
  };
}

export function keepProduct(world: World, cause: Cause, product: Stripe.Product): Stripe.Product {
  world.products.add(product);
  world.emit(cause, "product.created", product);
  return product;
}

/** @throws Refusal naming `param` when there is no such product. */
export function productNamed(world: World, id: string, param: string): Stripe.Product {
  const product = world.products.get(id);
  if (!product) throw noSuchIn(param, "product", id);
  return product;
}

function found(world: World, id: string): Stripe.Product {
  const product = world.products.get(id);
  if (!product) throw noSuch("product", id);
  return product;
}

const details = ["active", "description", "images", "metadata", "name", "shippable", "statement_descriptor"];

export const products = [
  route<Stripe.ProductCreateParams>({
    verb: "POST",
    path: "/v1/products",
    method: "ProductResource.create",
    supports: ["id", ...details, "tax_code", "unit_label", "url"],
    answers: "product",
    run: ({ world, cause, params }) => keepProduct(world, cause, buildProduct(world, params)),
  }),
  route<Stripe.ProductRetrieveParams>({
    verb: "GET",
    path: "/v1/products/:id",
    method: "ProductResource.retrieve",
    supports: [],
    answers: "product",
    run: ({ world, id }) => found(world, id),
  }),
  route<Stripe.ProductUpdateParams>({
    verb: "POST",
    path: "/v1/products/:id",
    method: "ProductResource.update",
    supports: [...details, "default_price", "tax_code", "unit_label", "url"],
    answers: "product",
    run({ world, id, cause, params }) {
      const product = found(world, id);
      const metadata = mergeMetadata(product.metadata, params.metadata);
      const before = copy(product);
      if (params.default_price !== undefined) {
        const price = world.prices.get(params.default_price);
        if (price?.product !== id) throw noSuchIn("default_price", "price", params.default_price);
        product.default_price = price.id;
      }
      if (params.active !== undefined) product.active = params.active;
      if (params.name !== undefined) product.name = params.name;
      if (params.description !== undefined) product.description = params.description || null;
      if (params.images !== undefined) product.images = params.images || [];
      if (params.shippable !== undefined) product.shippable = params.shippable;
      if (params.statement_descriptor !== undefined)
        product.statement_descriptor = params.statement_descriptor;
      if (params.tax_code !== undefined) product.tax_code = params.tax_code || null;
      if (params.unit_label !== undefined) product.unit_label = params.unit_label || null;
      if (params.url !== undefined) product.url = params.url || null;
      product.metadata = metadata;
      product.updated = world.seconds();
      world.emit(cause, "product.updated", product, before);
      return product;
    },
  }),
  route<Stripe.ProductDeleteParams>({
    verb: "DELETE",
    path: "/v1/products/:id",
    method: "ProductResource.del",
    supports: [],
    answers: undefined,
    run({ world, id, cause }) {
      const product = found(world, id);
      if (world.prices.oldestFirst().some((price) => price.product === id)) {
        throw invalid("This product cannot be deleted because it has one or more user-created prices.", {
          param: "id",
        });
      }
      world.products.remove(id);
      const gone: Stripe.DeletedProduct = { id, object: "product", deleted: true };
      world.deleted.add(gone);
      world.emit(cause, "product.deleted", product);
      return gone;
    },
  }),
  route<Stripe.ProductListParams>({
    verb: "GET",
    path: "/v1/products",
    method: "ProductResource.list",
    supports: ["active", "created", "ids", "shippable", "url", "limit", "starting_after", "ending_before"],
    answers: "product",
    run({ world, params }) {
      const all = world.products
        .newestFirst()
        .filter(createdWithin(params.created))
        .filter(({ active }) => params.active === undefined || active === params.active)
        .filter(({ id }) => params.ids?.includes(id) ?? true)
        .filter(({ shippable }) => params.shippable === undefined || shippable === params.shippable)
        .filter(({ url }) => params.url === undefined || url === params.url);
      return page(all, params, "/v1/products", "product");
    },
  }),
];
