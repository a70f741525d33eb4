<?php
// Whoever was made known, each by its own metadata.

foreach (glob(getenv('PEER_FOLDER') . '/sp/*.xml') as $file) {
    $sp = \SimpleSAML\Metadata\SAMLParser::parseString(file_get_contents($file))->getMetadata20SP();
    $options = json_decode(file_get_contents(substr($file, 0, -3) . 'json'), true);
    if (isset($options['encrypt'])) {
        $sp['assertion.encryption'] = true;
    }
    if (isset($options['encrypt-name'])) {
        $sp['nameid.encryption'] = true;
    }
    $metadata[$sp['entityid']] = ['validate.authnrequest' => true, 'simplesaml.attributes' => true] + $sp;
}
