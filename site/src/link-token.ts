/** The secret of a mailed link: behind the `#`, where no server sees it, and out of the address bar at once. */

export function takeToken(): string {
  const token = location.hash.slice(1);
  history.replaceState(null, "", `${location.pathname}${location.search}`);
  // Another link that is opened in this tab changes the hash only: the page begins anew with it.
  addEventListener("hashchange", () => location.reload());
  return token;
}
