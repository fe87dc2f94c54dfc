/** The way around: every operation, a search, and a mark at what is being read. It folds where there is little room. */
import type { ComponentChildren } from 'preact'
import { useEffect, useState } from 'preact/hooks'
import type { Section, Spec } from './document.ts'
import { MethodBadge } from './prose.tsx'

interface Props {
  spec: Spec
  sections: Section[]
  query: string
  onQuery: (query: string) => void
  isHidden: (id: string) => boolean
}

export function Menu({ spec, sections, query, onQuery, isHidden }: Props) {
  const [isOpen, setOpen] = useState(() => matchMedia('(min-width: 821px)').matches)
  const current = useCurrent()
  const fold = () => {
    if (!matchMedia('(min-width: 821px)').matches) setOpen(false)
  }
  const item = (id: string, children: ComponentChildren) =>
    isHidden(id) ? null : (
      <a key={id} href={`#${id}`} aria-current={id === current ? 'location' : undefined} onClick={fold}>
        {children}
      </a>
    )
  return (
    <nav aria-label="Operations">
      <h1>{spec.info.title}</h1>
      <p>
        version {spec.info.version} · <a href="/openapi.json">openapi.json</a>
      </p>
      <label class="search">
        Search
        <input type="search" value={query} onInput={(event) => onQuery(event.currentTarget.value)} />
      </label>
      <button
        type="button"
        class="fold"
        aria-expanded={isOpen}
        aria-controls="menu"
        onClick={() => setOpen(!isOpen)}
      >
        {isOpen ? 'Hide the menu' : 'Show the menu'}
      </button>
      <div id="menu" class={isOpen ? '' : 'folded'}>
        {sections.map(({ tag, routes }) => (
          <div key={tag} hidden={routes.every(({ operation }) => isHidden(operation.operationId))}>
            <h2>{tag}</h2>
            {routes.map(({ method, path, operation }) =>
              item(
                operation.operationId,
                <>
                  <MethodBadge method={method} />
                  <span class="path">{path.replace('/api/v1', '')}</span>
                </>,
              ),
            )}
          </div>
        ))}
        <h2>Schemas</h2>
        {Object.keys(spec.components.schemas).map((name) => item(name, <span class="path">{name}</span>))}
      </div>
    </nav>
  )
}

/** The id of the card that is nearest to the top of what is seen. */
function useCurrent(): string | undefined {
  const [current, setCurrent] = useState<string>()
  useEffect(() => {
    const seen = new Map<string, boolean>()
    const cards = [...document.querySelectorAll('main section[id]')]
    const watcher = new IntersectionObserver(
      (entries) => {
        for (const { target, isIntersecting } of entries) seen.set(target.id, isIntersecting)
        setCurrent(cards.find(({ id }) => seen.get(id))?.id)
      },
      { rootMargin: '0px 0px -60% 0px' },
    )
    for (const card of cards) watcher.observe(card)
    return () => watcher.disconnect()
  }, [])
  return current
}
