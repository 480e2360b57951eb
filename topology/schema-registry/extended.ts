/** The object with some members replaced. All others, those that an adapter adds to the port too, stay the object's own. */
export function extended<T extends object>(target: T, changes: Partial<T>): T {
  return new Proxy(target, {
    get(_target, name) {
      if (Object.hasOwn(changes, name)) return Reflect.get(changes, name)
      // the object itself is `this` for its getters and methods, which may use private fields
      const member: unknown = Reflect.get(target, name, target)
      return typeof member === 'function' ? member.bind(target) : member
    },
  })
}
