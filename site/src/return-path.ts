/** Where to go after signing in: a path of this site, never another site. */

export function safePath(next: string | null, origin: string): string {
  const fallback = "/account/";
  if (!next?.startsWith("/") || !URL.canParse(next, origin)) return fallback;
  const url = new URL(next, origin);
  // `/.//host` is this origin's, but its path alone would be read as another host's.
  if (url.origin !== origin || url.pathname.startsWith("//")) return fallback;
  return `${url.pathname}${url.search}${url.hash}`;
}

export function signInPath(next: string): string {
  return `/sign-in/?next=${encodeURIComponent(next)}`;
}

export function goSignIn(next: string): void {
  location.replace(signInPath(next));
}
