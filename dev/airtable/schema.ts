/** The game's base: its tables and fields, as the game's own code reads and writes them. */

export type Field =
  | { readonly kind: "text" | "number" | "checkbox" | "dateTime" }
  | { readonly kind: "select"; readonly options: readonly string[] }
  /** Computed by Airtable: read, never written. */
  | { readonly kind: "createdTime" | "lastModifiedTime" };

export const TABLE_NAMES = ["CITIZENS", "STRATAGEMS", "NOTIFICATIONS", "TRANSACTIONS"] as const;
export type TableName = (typeof TABLE_NAMES)[number];

const text: Field = { kind: "text" };
const number: Field = { kind: "number" };
const checkbox: Field = { kind: "checkbox" };
const dateTime: Field = { kind: "dateTime" };
const createdTime: Field = { kind: "createdTime" };
const lastModifiedTime: Field = { kind: "lastModifiedTime" };

export const SCHEMA: Readonly<Record<TableName, Readonly<Record<string, Field>>>> = {
  CITIZENS: {
    CitizenId: text,
    Username: text,
    FirstName: text,
    LastName: text,
    SocialClass: {
      kind: "select",
      options: ["Nobili", "Cittadini", "Popolani", "Facchini", "Forestieri", "Artisti", "Innovatori"],
    },
    IsAI: checkbox,
    InVenice: checkbox,
    Wallet: text,
    TelegramUserId: text,
    Ducats: number,
    Influence: number,
    Description: text,
    CreatedAt: createdTime,
    UpdatedAt: lastModifiedTime,
  },
  STRATAGEMS: {
    StratagemId: text,
    Type: text,
    Variant: text,
    Name: text,
    Category: text,
    ExecutedBy: text,
    TargetCitizen: text,
    TargetBuilding: text,
    TargetResourceType: text,
    Status: {
      kind: "select",
      options: ["planned", "active", "executed", "failed", "expired", "cancelled", "error"],
    },
    ExecutedAt: dateTime,
    ExpiresAt: dateTime,
    Description: text,
    Notes: text,
    CreatedAt: createdTime,
    UpdatedAt: lastModifiedTime,
  },
  NOTIFICATIONS: {
    Citizen: text,
    Type: text,
    Content: text,
    Details: text,
    Asset: text,
    AssetType: text,
    Notes: text,
    ReadAt: dateTime,
    Status: { kind: "select", options: ["unread", "read", "archived"] },
    // Written by whoever notifies, unlike the other tables' CreatedAt.
    CreatedAt: dateTime,
    UpdatedAt: lastModifiedTime,
  },
  TRANSACTIONS: {
    Type: text,
    AssetType: text,
    Asset: text,
    Seller: text,
    Buyer: text,
    Price: number,
    Notes: text,
    CreatedAt: dateTime,
    ExecutedAt: dateTime,
    UpdatedAt: lastModifiedTime,
  },
};

/** The one view every Airtable table is born with. */
export const VIEW_NAMES: readonly string[] = ["Grid view"];
