import ts from 'typescript'

/**
 * The codes of the errors that a function of a page may throw before it returns, as far as its calls can be followed: not
 * through values that are functions.
 */
export function thrownCodes(program: ts.Program, page: string, name: string): ReadonlySet<string> {
  const checker = program.getTypeChecker()
  const codes = new Set<string>()
  const seen = new Set<ts.Node>()

  const follow = (symbol: ts.Symbol | undefined): void => {
    const target =
      symbol !== undefined && (symbol.flags & ts.SymbolFlags.Alias) !== 0
        ? checker.getAliasedSymbol(symbol)
        : symbol
    for (const declaration of target?.declarations ?? []) {
      if (seen.has(declaration) || !isOurs(declaration)) continue
      seen.add(declaration)
      if (ts.isClassDeclaration(declaration)) for (const member of declaration.members) visitMember(member)
      else if (ts.isFunctionLike(declaration) && 'body' in declaration && declaration.body !== undefined)
        ts.forEachChild(declaration, visit)
    }
  }

  /** What runs when an object is made: its constructor and the initial values of its fields. */
  const visitMember = (member: ts.ClassElement): void => {
    if (ts.isConstructorDeclaration(member)) ts.forEachChild(member, visit)
    else if (ts.isPropertyDeclaration(member) && member.initializer !== undefined) visit(member.initializer)
  }

  const visit = (node: ts.Node): void => {
    // A function that is made here runs now only if it is handed to somebody.
    if (ts.isFunctionLike(node) && !ts.isCallOrNewExpression(node.parent)) return
    if (ts.isCallOrNewExpression(node)) {
      const symbol = checker.getSymbolAtLocation(node.expression)
      const [first] = node.arguments ?? []
      if (symbol?.name === 'DbsyncError' && first !== undefined) {
        const type = checker.getTypeAtLocation(first)
        for (const part of type.isUnion() ? type.types : [type])
          if (part.isStringLiteral()) codes.add(part.value)
      } else follow(symbol)
    }
    ts.forEachChild(node, visit)
  }

  const file = program.getSourceFiles().find(({ fileName }) => fileName.endsWith(page))
  const module = file === undefined ? undefined : checker.getSymbolAtLocation(file)
  const exported = module === undefined ? [] : checker.getExportsOfModule(module)
  follow(exported.find((symbol) => symbol.name === name))
  return codes
}

function isOurs(node: ts.Node): boolean {
  return /\/src\/[^:]*\.ts$/.test(node.getSourceFile().fileName) && !node.getSourceFile().isDeclarationFile
}
