"""The look of the page: one column, system fonts, contrast of at least 4.5 to 1, print and phone."""

STYLESHEET = """
:root { --ink: #1b1f24; --faint: #57606a; --rule: #d0d7de; --grey: #d9dde2; --soft: #f6f8fa; --link: #0550ae; }
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; }
body { margin: 0 auto; max-width: 61rem; padding: 2.5rem 1.5rem 5rem; color: var(--ink); background: #fff;
  font: 1rem/1.6 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", "Noto Sans", sans-serif; }
h1 { font-size: clamp(1.6rem, 5vw, 2.3rem); line-height: 1.2; letter-spacing: -.015em; margin: 0 0 .6rem;
  text-wrap: balance; }
h2 { font-size: 1.35rem; line-height: 1.3; margin: 3.2rem 0 .8rem; padding-top: 1rem;
  border-top: 1px solid var(--rule); }
h3 { font-size: 1.12rem; line-height: 1.35; margin: 2.6rem 0 .7rem; }
p, li { max-width: 46rem; }
p { margin: .7rem 0; }
a { color: var(--link); text-underline-offset: .15em; }
.lead { font-size: 1.12rem; color: var(--faint); margin: 0; }
.skip { position: absolute; left: -999px; }
.skip:focus { left: 1rem; top: 1rem; background: #fff; padding: .5rem 1rem; }
nav ul { list-style: none; display: flex; flex-wrap: wrap; gap: .2rem 1.2rem; padding: 0;
  margin: 1.4rem 0 0; font-size: .92rem; }
nav ul.chapters { display: block; }
ul.chapters li { display: grid; grid-template-columns: 6.5rem 1fr; gap: .1rem 1rem; max-width: none;
  padding: .4rem 0; border-bottom: 1px solid var(--rule); }
ul.chapters span { color: var(--ink); }
.chapter > h2 { border-top: 2px solid var(--ink); font-size: 1.6rem; margin-top: 4.5rem; padding-top: 1.2rem; }
.chapter > .lead { font-size: 1rem; }
.back { font-size: .92rem; margin-top: 2rem; }
main > section:first-child > h2 { border-top: 0; margin-top: 1.6rem; padding-top: 0; }
main :not(nav) > ul { padding-left: 1.2rem; }
main :not(nav) > ul > li { margin: .45rem 0; }
.answer { border-left: 5px solid var(--faint); background: var(--soft); padding: .9rem 1.3rem; max-width: 46rem;
  margin: 1rem 0;  border-radius: 3px; }
.answer.plain { border-left: 0; background: none; padding: .2rem 0; }
.answer.plain .head { font-size: 1rem; }
.answer.yes { border-color: #1a7f5a; }
.answer.no { border-color: #b35900; }
.answer p { margin: .3rem 0; }
.answer .head { font-size: 1.15rem; font-weight: 650; }
figure { margin: 1.6rem 0 2.2rem; }
figcaption { color: var(--faint); font-size: .9rem; max-width: 46rem; margin-top: .6rem; }
.title { font-weight: 600; margin: 0 0 .5rem; }
.scroll { overflow-x: auto; background:
  linear-gradient(to right, #fff 30%, #fff0) 0 0 / 3rem 100% no-repeat local,
  linear-gradient(to left, #fff 30%, #fff0) 100% 0 / 3rem 100% no-repeat local,
  linear-gradient(to right, #57606a33, #fff0) 0 0 / .8rem 100% no-repeat scroll,
  linear-gradient(to left, #57606a33, #fff0) 100% 0 / .8rem 100% no-repeat scroll; }
.scroll:focus-visible { outline: 2px solid var(--link); outline-offset: 2px; }
img { display: block; width: 100%; height: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; font-size: .95rem; line-height: 1.35;
  border-top: 2px solid var(--ink); border-bottom: 2px solid var(--ink); }
th, td { padding: .42rem .85rem; text-align: right; vertical-align: top; white-space: nowrap; }
thead th { font-weight: 600; vertical-align: bottom; white-space: normal; min-width: 4.6rem; max-width: 7.5rem; }
thead tr:last-child { border-bottom: 1px solid var(--ink); }
tr.groups th { text-align: left; color: var(--faint); font-weight: 500; font-size: .88rem; padding-bottom: .1rem;
  max-width: none; white-space: nowrap; }
tr.groups th span { display: block; border-bottom: 1px solid var(--rule); }
tbody + tbody { border-top: 1px solid var(--rule); }
tbody th, thead th[scope=col]:first-of-type { text-align: left; font-weight: 500; }
thead tr:last-child th:first-of-type { color: var(--faint); white-space: nowrap; }
tbody th.section { font-weight: 650; }
th.section, .flat tr > :first-child { padding-left: .1rem; }
td.grey { background: var(--grey); }
td.italic { font-style: italic; }
td small { display: block; color: var(--faint); font-size: .8rem; font-style: normal; }
td.grey small { color: #444c56; }
.said { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%);
  white-space: nowrap; }
table, td { position: relative; }
details { margin: 1rem 0; border: 1px solid var(--rule); border-radius: 4px; padding: .5rem 1rem; }
summary { cursor: pointer; font-weight: 600; }
dl { margin: 1rem 0; font-size: .93rem; }
dl div { display: grid; grid-template-columns: minmax(8rem, 14rem) 1fr; gap: 0 1rem; padding: .3rem 0;
  border-bottom: 1px solid var(--rule); }
dt { color: var(--faint); }
dd { margin: 0; overflow-wrap: anywhere; }
@media (max-width: 40rem) {
  body { padding: 1.4rem 1rem 3rem; }
  h2 { margin-top: 2.4rem; }
  th, td { padding: .4rem .55rem; }
  table { font-size: .88rem; }
  dl div { grid-template-columns: 1fr; }
  nav ul { gap: .35rem 1rem; }
  ul.chapters li { grid-template-columns: 1fr; }
  .chapter > h2 { font-size: 1.4rem; margin-top: 3.2rem; }
}
@media print {
  nav, .skip { display: none; }
  body { max-width: none; padding: 0; }
  figure, .answer, table { break-inside: avoid; }
  .grey { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
}
"""
