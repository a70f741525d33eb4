<?php
// Takes the metadata of service providers (POST /sp?encrypt), and leaves everything else to SimpleSAMLphp.

$folder = getenv('PEER_FOLDER');
if (parse_url($_SERVER['REQUEST_URI'], PHP_URL_PATH) !== '/sp') {
    return false;
}
$body = file_get_contents('php://input');
$name = $folder . '/sp/' . hash('sha256', $body);
file_put_contents($name . '.json', json_encode($_GET));
file_put_contents($name . '.xml', $body);
echo 'known';
