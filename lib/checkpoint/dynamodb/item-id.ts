/** Key of the item of one ingester, which goes by its stream's name: several deployments may share a table. */
export function itemId(name: string): string {
  return `ingester:${name}`;
}
