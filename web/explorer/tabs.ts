// GraphiQL's tabs are list items with the role `tab` that hold two buttons each, which readers of screens can't reach:
// what is inside a tab is no control of its own. Here they become what they look like, a list of buttons.

/** Follows what GraphiQL draws, as long as the page lives. */
export function mendTabs(root: HTMLElement): void {
  const mend = () => {
    for (const list of root.querySelectorAll('.graphiql-tabs[role=tablist]')) list.removeAttribute('role');
    for (const tab of root.querySelectorAll('.graphiql-tab[role=tab], .graphiql-tab[aria-selected]')) {
      const chosen = tab.getAttribute('aria-selected');
      tab.querySelector('.graphiql-tab-button')?.setAttribute('aria-current', chosen ?? 'false');
      tab.removeAttribute('role');
      tab.removeAttribute('aria-selected');
    }
  };
  new MutationObserver(mend).observe(root, {
    subtree: true,
    childList: true,
    attributeFilter: ['role', 'aria-selected'],
  });
}
