/** Of several who want the same done at once, one does it and all get what comes of it. In this process. */
export function singleFlight<Value>(): (key: string, work: () => Promise<Value>) => Promise<Value> {
  const underWay = new Map<string, Promise<Value>>()
  return (key, work) => {
    const begun = underWay.get(key) ?? work().finally(() => underWay.delete(key))
    underWay.set(key, begun)
    return begun
  }
}
